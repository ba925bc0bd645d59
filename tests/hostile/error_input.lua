-- Fails at every input.
-- expect: error

return { inputs = { fire = field.press() }, input = function() error "input" end }
