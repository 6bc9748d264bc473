// replaced by the first core
