-- next() on a table that was large: each call walks all of its empty slots in C.
-- expect: overrun

local t = {}
for i = 1, 1e6 do t[i] = i end
return { tick = function() for k in pairs(t) do t[k] = nil end while true do next(t) end end }
