-- Raises a megabyte of text, with line breaks and bytes that are no text.
-- expect: error

return { tick = function() error(("\27[2J\r\n\255"):rep(150000)) end }
