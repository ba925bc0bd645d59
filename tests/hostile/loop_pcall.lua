-- Swallows the stop, again and again.
-- expect: overrun

return { tick = function() while true do pcall(function() while true do end end) end end }
