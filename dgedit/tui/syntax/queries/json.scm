(string) @string
(pair key: (string) @attribute)
(number) @number
[(null) (true) (false)] @constant
(escape_sequence) @constant
(comment) @comment
