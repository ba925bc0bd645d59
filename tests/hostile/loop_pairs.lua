-- Walks a small table for ever.
-- expect: overrun

return { tick = function() local t = { 1, 2, 3 } while true do for _ in pairs(t) do end end end }
