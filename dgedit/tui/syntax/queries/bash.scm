[(string) (raw_string) (ansi_c_string) (heredoc_body) (heredoc_start) (heredoc_end)] @string
(command_name) @function
(function_definition name: (word) @function)
[(variable_name) (special_variable_name)] @variable
(variable_assignment name: (variable_name) @attribute)
[(number) (file_descriptor)] @number
(test_operator) @operator
(regex) @string
(comment) @comment
[
  "case" "declare" "do" "done" "elif" "else" "esac" "export" "fi" "for" "function" "if" "in" "local" "readonly" "select"
  "then" "typeset" "unset" "until" "while"
] @keyword
["$" "${" "$(" "&&" "||" "|" "|&" "&" ">" ">>" "<" "<<" "<<<" "&>" ">&" "=" "==" "!=" "=~" "!" ";;"] @operator
