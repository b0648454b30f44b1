(class_declaration name: (_) @name) @class
(function_declaration name: (identifier) @name) @function
(generator_function_declaration name: (identifier) @name) @function
(method_definition name: (_) @name) @method
(variable_declarator name: (identifier) @name value: [(function_expression) (arrow_function)]) @function
(variable_declarator name: (identifier) @name value: (class)) @class
