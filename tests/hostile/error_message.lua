-- Fails at every message.
-- expect: error

return { messages = { go = function() error "go" end, ask = function() error { not_text = true } end } }
