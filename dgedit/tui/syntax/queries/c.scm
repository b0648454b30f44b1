(identifier) @cased.constant
(field_identifier) @variable
[(type_identifier) (primitive_type) (sized_type_specifier)] @type
(statement_identifier) @constant
(function_declarator declarator: (identifier) @function)
(call_expression function: (identifier) @function)
(call_expression function: (field_expression field: (field_identifier) @function))
(preproc_function_def name: (identifier) @function)
(preproc_def name: (identifier) @constant)
[(true) (false) (null)] @constant
(number_literal) @number
(comment) @comment
[(string_literal) (system_lib_string) (char_literal)] @string
(escape_sequence) @constant
(preproc_directive) @keyword
["#define" "#elif" "#else" "#endif" "#if" "#ifdef" "#ifndef" "#include"] @keyword
[
  "--" "-" "-=" "->" "=" "!" "!=" "*" "*=" "/" "/=" "%" "%=" "&" "&=" "&&" "+" "++" "+=" "<" "<=" "<<" "<<=" "==" ">"
  ">=" ">>" ">>=" "|" "|=" "||" "^" "^=" "~" "?"
] @operator
[
  "break" "case" "const" "continue" "default" "do" "else" "enum" "extern" "for" "goto" "if" "inline" "return" "sizeof"
  "static" "struct" "switch" "typedef" "union" "volatile" "while" "restrict" "register"
] @keyword
