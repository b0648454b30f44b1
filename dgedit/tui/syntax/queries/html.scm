(tag_name) @tag
(erroneous_end_tag_name) @tag
(doctype) @constant
(attribute_name) @attribute
[(attribute_value) (quoted_attribute_value)] @string
(entity) @constant
(comment) @comment
["<" ">" "</" "/>" "<!" "="] @operator
(script_element (raw_text) @embed.javascript)
(style_element (raw_text) @embed.css)
