-- A loop over table writes.
-- expect: overrun

return { tick = function() local t = {} repeat t[1] = (t[1] or 0) + 1 until t[1] < 0 end }
