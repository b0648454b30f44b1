[(double_quote_scalar) (single_quote_scalar) (block_scalar) (string_scalar)] @string
(boolean_scalar) @constant
(null_scalar) @constant
[(integer_scalar) (float_scalar) (timestamp_scalar)] @number
(escape_sequence) @constant
(comment) @comment
[(anchor_name) (alias_name)] @variable
(tag) @type
[(yaml_directive) (tag_directive) (reserved_directive)] @keyword
(block_mapping_pair key: (flow_node (plain_scalar (_) @attribute)))
(block_mapping_pair key: (flow_node [(double_quote_scalar) (single_quote_scalar)] @attribute))
(flow_mapping (_ key: (flow_node (plain_scalar (_) @attribute))))
(flow_mapping (_ key: (flow_node [(double_quote_scalar) (single_quote_scalar)] @attribute)))
["-" ":" "?" "|" ">" "*" "&" "---" "..."] @operator
