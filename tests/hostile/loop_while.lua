-- An empty loop.
-- expect: overrun

return { tick = function() while true do end end }
