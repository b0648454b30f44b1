(atx_heading) @heading
(setext_heading) @heading
[(indented_code_block) (code_fence_content)] @string
[(fenced_code_block_delimiter) (info_string)] @comment
(link_reference_definition (link_label) @link)
(link_destination) @link
(link_title) @string
[
  (list_marker_plus) (list_marker_minus) (list_marker_star) (list_marker_dot) (list_marker_parenthesis)
  (thematic_break) (block_quote_marker) (task_list_marker_checked) (task_list_marker_unchecked)
  (pipe_table_delimiter_row)
] @operator
(backslash_escape) @constant
(inline) @embed.markdown_inline
(pipe_table_cell) @embed.markdown_inline
(html_block) @embed.html
(minus_metadata) @embed.yaml
(plus_metadata) @embed.toml
(fenced_code_block (info_string (language) @embed.language) (code_fence_content) @embed.content)
