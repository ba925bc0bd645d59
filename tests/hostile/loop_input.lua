-- A loop in input.
-- expect: overrun

return { inputs = { fire = field.press() }, input = function() while true do end end }
