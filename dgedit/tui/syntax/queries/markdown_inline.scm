(code_span) @string
(strong_emphasis) @keyword
(emphasis) @type
(strikethrough) @comment
[(link_text) (link_label) (image_description)] @link
[(link_destination) (uri_autolink) (email_autolink)] @link
(link_title) @string
[(backslash_escape) (entity_reference) (numeric_character_reference)] @constant
(html_tag) @tag
[(emphasis_delimiter) (code_span_delimiter)] @operator
