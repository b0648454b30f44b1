(identifier) @cased
(property_identifier) @variable
(shorthand_property_identifier) @cased
(shorthand_property_identifier_pattern) @cased
(private_property_identifier) @variable

(class_declaration name: (_) @type)
(class name: (_) @type)
(function_declaration name: (identifier) @function)
(generator_function_declaration name: (identifier) @function)
(function_expression name: (identifier) @function)
(method_definition name: (property_identifier) @function)
(pair key: (property_identifier) @function value: [(function_expression) (arrow_function)])
(variable_declarator name: (identifier) @function value: [(function_expression) (arrow_function)])
(assignment_expression
  left: (member_expression property: (property_identifier) @function)
  right: [(function_expression) (arrow_function)])
(call_expression function: (identifier) @cased.function)
(call_expression function: (member_expression property: (property_identifier) @function))
(new_expression constructor: (identifier) @type)
(decorator "@" @attribute)
(decorator (identifier) @attribute)
(decorator (call_expression function: (identifier) @attribute))

[(true) (false) (null) (undefined)] @constant
[(this) (super)] @constant
(number) @number
(comment) @comment
[(string) (template_string) (regex)] @string
(escape_sequence) @constant
(template_substitution ["${" "}"] @operator)
(statement_identifier) @constant

[
  "-" "--" "-=" "+" "++" "+=" "*" "*=" "**" "**=" "/" "/=" "%" "%=" "<" "<=" "<<" "<<=" "=" "==" "===" "!" "!=" "!=="
  "=>" ">" ">=" ">>" ">>=" ">>>" ">>>=" "~" "^" "&" "|" "^=" "&=" "|=" "&&" "||" "??" "&&=" "||=" "??=" "..."
] @operator

[
  "as" "async" "await" "break" "case" "catch" "class" "const" "continue" "debugger" "default" "delete" "do" "else"
  "export" "extends" "finally" "for" "from" "function" "get" "if" "import" "in" "instanceof" "let" "new" "of" "return"
  "set" "static" "switch" "target" "throw" "try" "typeof" "var" "void" "while" "with" "yield"
] @keyword
