"""From a text with holes to requests, and from their answers to the text filled."""
