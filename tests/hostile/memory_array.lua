-- One array that grows.
-- expect: memory or overrun

local t = {}
return { tick = function() for i = #t + 1, #t + 1e6 do t[i] = i end end }
