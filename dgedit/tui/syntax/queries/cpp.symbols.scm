(class_specifier name: (_) @name body: (_)) @class
(namespace_definition name: (_) @name) @module
(function_definition declarator: (reference_declarator (function_declarator declarator: (_) @name))) @function
(alias_declaration name: (_) @name) @type
(concept_definition name: (_) @name) @type
