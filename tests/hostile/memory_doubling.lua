-- A string that doubles.
-- expect: memory or overrun

return { tick = function() local s = "x" while true do s = s .. s end end }
