-- Lines of megabytes.
-- expect: harmless or overrun or memory

local s = ("x"):rep(1e6)
return { tick = function(room) local t = {} for i = 1, 8 do t[i] = s end room:log(table.concat(t)) end }
