-- Through table.concat.
-- expect: memory or overrun

local piece = ("x"):rep(1e6)
return { tick = function() local t = {} for i = 1, 120 do t[i] = piece end return #table.concat(t) end }
