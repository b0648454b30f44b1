[(bare_key) (quoted_key)] @attribute
(table [(bare_key) (quoted_key)] @type)
(table (dotted_key [(bare_key) (quoted_key)] @type))
(table_array_element [(bare_key) (quoted_key)] @type)
(table_array_element (dotted_key [(bare_key) (quoted_key)] @type))
(boolean) @constant
(comment) @comment
(string) @string
(escape_sequence) @constant
[(integer) (float) (offset_date_time) (local_date_time) (local_date) (local_time)] @number
"=" @operator
