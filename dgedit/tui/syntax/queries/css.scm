(comment) @comment
[(tag_name) (nesting_selector) (universal_selector)] @tag
[(class_name) (id_name) (namespace_name)] @type
(pseudo_element_selector (tag_name) @keyword)
(pseudo_class_selector (class_name) @keyword)
[(property_name) (feature_name) (attribute_name)] @attribute
(function_name) @function
(keyframes_name) @function
[(string_value) (color_value)] @string
[(integer_value) (float_value)] @number
(unit) @number
(plain_value) @variable
(keyword_query) @constant
(important) @keyword
[(at_keyword) (to) (from)] @keyword
["@media" "@import" "@charset" "@namespace" "@supports" "@keyframes" "and" "or" "not" "only"] @keyword
["~" ">" "+" "-" "*" "/" "=" "^=" "|=" "~=" "$=" "*="] @operator
