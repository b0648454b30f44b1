(type_identifier) @type
(predefined_type) @type
(nested_type_identifier (identifier) @type)
(function_signature name: (identifier) @function)
(method_signature name: (property_identifier) @function)
(abstract_method_signature name: (property_identifier) @function)
(enum_declaration name: (identifier) @type)
(decorator (call_expression function: (identifier) @attribute))

[
  "abstract" "asserts" "declare" "enum" "implements" "infer" "interface" "is" "keyof" "module" "namespace" "override"
  "private" "protected" "public" "readonly" "satisfies" "type"
] @keyword
