-- A loop in a message handler.
-- expect: overrun

return { messages = { go = function() while true do end end } }
