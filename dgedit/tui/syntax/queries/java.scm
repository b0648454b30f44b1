(identifier) @cased
(type_identifier) @type
[(boolean_type) (integral_type) (floating_point_type) (void_type)] @type
(method_declaration name: (identifier) @function)
(method_invocation name: (identifier) @function)
(constructor_declaration name: (identifier) @type)
(enum_constant name: (identifier) @constant)
(annotation name: (_) @attribute)
(marker_annotation name: (_) @attribute)
"@" @attribute
[
  (hex_integer_literal) (decimal_integer_literal) (octal_integer_literal) (binary_integer_literal)
  (decimal_floating_point_literal) (hex_floating_point_literal)
] @number
[(character_literal) (string_literal)] @string
(escape_sequence) @constant
[(true) (false) (null_literal) (this) (super)] @constant
[(line_comment) (block_comment)] @comment
[
  "=" "==" "!=" "<" ">" "<=" ">=" "+" "-" "*" "/" "%" "++" "--" "+=" "-=" "*=" "/=" "%=" "&" "&&" "|" "||" "^" "!" "~"
  "<<" ">>" ">>>" "->" "?" "::" "&=" "|=" "^=" "<<=" ">>=" ">>>="
] @operator
[
  "abstract" "assert" "break" "case" "catch" "class" "continue" "default" "do" "else" "enum" "exports" "extends" "final"
  "finally" "for" "if" "implements" "import" "instanceof" "interface" "module" "native" "new" "non-sealed" "open"
  "opens" "package" "permits" "private" "protected" "provides" "public" "record" "requires" "return" "sealed" "static"
  "strictfp" "switch" "synchronized" "throw" "throws" "to" "transient" "transitive" "try" "uses" "volatile" "when"
  "while" "with" "yield"
] @keyword
