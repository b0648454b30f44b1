"""Files on disk: read and written whole, watched, located, kept while unsaved, kept from servers."""
