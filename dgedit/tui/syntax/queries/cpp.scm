(namespace_identifier) @type
(auto) @type
(this) @constant
(raw_string_literal) @string
(call_expression function: (qualified_identifier name: (identifier) @function))
(template_function name: (identifier) @function)
(template_method name: (field_identifier) @function)
(function_declarator declarator: (qualified_identifier name: (identifier) @function))
(function_declarator declarator: (qualified_identifier name: (qualified_identifier name: (identifier) @function)))
(function_declarator declarator: (field_identifier) @function)
(destructor_name (identifier) @function)
(attribute_declaration) @attribute
[
  "catch" "class" "co_await" "co_return" "co_yield" "concept" "consteval" "constexpr" "constinit" "delete" "explicit"
  "final" "friend" "mutable" "namespace" "new" "noexcept" "operator" "override" "private" "protected" "public"
  "requires" "template" "throw" "try" "typename" "using" "virtual"
] @keyword
["::" "<=>" "..."] @operator
