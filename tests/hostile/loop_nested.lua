-- Loops in loops: traces that jump to one another.
-- expect: overrun

return { tick = function() local n = 0 while true do for i = 1, 100 do for j = 1, i do n = n + j end end end end }
