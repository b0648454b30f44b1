(identifier) @cased
(field_identifier) @variable
[(type_identifier) (primitive_type)] @type
(shorthand_field_identifier) @variable
(scoped_identifier path: (identifier) @type)
(function_item name: (identifier) @function)
(function_signature_item name: (identifier) @function)
(call_expression function: (identifier) @cased.function)
(call_expression function: (field_expression field: (field_identifier) @function))
(call_expression function: (scoped_identifier name: (identifier) @cased.function))
(generic_function function: (identifier) @function)
(generic_function function: (scoped_identifier name: (identifier) @function))
(generic_function function: (field_expression field: (field_identifier) @function))
(macro_invocation macro: (identifier) @function)
(macro_definition name: (identifier) @function)
(mod_item name: (identifier) @type)
(lifetime (identifier) @constant)
(attribute (identifier) @attribute)
[(attribute_item) (inner_attribute_item)] @attribute
[(line_comment) (block_comment)] @comment
[(char_literal) (string_literal) (raw_string_literal)] @string
(escape_sequence) @constant
(boolean_literal) @constant
[(integer_literal) (float_literal)] @number
[(self) (super) (crate)] @constant
(mutable_specifier) @keyword
[
  "as" "async" "await" "break" "const" "continue" "default" "dyn" "else" "enum" "extern" "fn" "for" "if" "impl" "in"
  "let" "loop" "macro_rules!" "match" "mod" "move" "pub" "ref" "return" "static" "struct" "trait" "type" "union"
  "unsafe" "use" "where" "while" "yield"
] @keyword
[
  "*" "&" "&&" "+" "-" "/" "%" "=" "+=" "-=" "*=" "/=" "==" "!=" "<" ">" "<=" ">=" "||" "!" "^" "|" "<<" ">>" "->" "=>"
  "?" ".." "..="
] @operator
(macro_invocation "!" @function)
