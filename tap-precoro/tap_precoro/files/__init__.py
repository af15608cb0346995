"""Files of documents, in a folder of any file system."""
