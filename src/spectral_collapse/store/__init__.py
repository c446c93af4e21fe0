"""Everything about "was this computed already?": keys of code and objects, files of results and parts, what ships."""
