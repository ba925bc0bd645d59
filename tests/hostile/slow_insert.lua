-- table.insert at the front moves everything, in C.
-- expect: overrun

local t = {}
for i = 1, 1e6 do t[i] = i end
return { tick = function() while true do table.insert(t, 1, 0) table.remove(t, 1) end end }
