(identifier) @cased
(keyword_argument name: (identifier) @variable)
(type (identifier) @type)
(type (generic_type (identifier) @type))
(class_definition name: (identifier) @type)
(function_definition name: (identifier) @function)
(call function: (identifier) @cased.function)
(call function: (attribute attribute: (identifier) @cased.function))
(decorator "@" @attribute)
(decorator (identifier) @attribute)
(decorator (attribute attribute: (identifier) @attribute))
(decorator (call function: (identifier) @attribute))
(decorator (call function: (attribute attribute: (identifier) @attribute)))

[(none) (true) (false) (ellipsis)] @constant
[(integer) (float)] @number
(comment) @comment
(string) @string
(escape_sequence) @constant
(type_conversion) @operator
(interpolation ["{" "}"] @operator)

[
  "-" "-=" "!=" "*" "**" "**=" "*=" "/" "//" "//=" "/=" "&" "&=" "%" "%=" "^" "^=" "+" "->" "+=" "<" "<<" "<<=" "<="
  "<>" "=" ":=" "==" ">" ">=" ">>" ">>=" "|" "|=" "~" "@="
] @operator

[
  "and" "as" "assert" "async" "await" "break" "case" "class" "continue" "def" "del" "elif" "else" "except" "exec"
  "finally" "for" "from" "global" "if" "import" "in" "is" "is not" "lambda" "match" "nonlocal" "not" "not in" "or"
  "pass" "print" "raise" "return" "try" "type" "while" "with" "yield"
] @keyword
