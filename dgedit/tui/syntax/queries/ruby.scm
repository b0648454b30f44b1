(identifier) @variable
(constant) @cased
[(class_variable) (instance_variable) (global_variable)] @variable
(call method: [(identifier) (constant)] @function)
(method name: (_) @function)
(singleton_method name: (_) @function)
(alias (identifier) @function)
(class name: (constant) @type)
(module name: (constant) @type)
[(string) (bare_string) (subshell) (heredoc_body) (heredoc_beginning) (character) (regex)] @string
[(simple_symbol) (delimited_symbol) (hash_key_symbol) (bare_symbol)] @constant
(escape_sequence) @constant
(interpolation ["#{" "}"] @operator)
[(integer) (float) (rational) (complex)] @number
[(nil) (true) (false) (self) (super) (file) (line) (encoding)] @constant
(comment) @comment
[
  "alias" "and" "begin" "break" "case" "class" "def" "defined?" "do" "else" "elsif" "end" "ensure" "for" "if" "in"
  "module" "next" "not" "or" "redo" "rescue" "retry" "return" "then" "undef" "unless" "until" "when" "while" "yield"
] @keyword
[
  "=" "=>" "->" "==" "===" "!=" "<=>" "<" "<=" ">" ">=" "+" "-" "*" "/" "%" "**" "&&" "||" "!" "&" "|" "^" "~" "<<" ">>"
  "+=" "-=" "*=" "/=" "||=" "&&=" "=~" "!~" "?" ".." "..." "&." "::"
] @operator
