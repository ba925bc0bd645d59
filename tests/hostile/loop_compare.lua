-- Loops in __lt, __eq, __add and __concat.
-- expect: overrun

local function spin() while true do end end
local t = setmetatable({}, { __lt = spin, __eq = spin, __add = spin, __concat = spin })
return { tick = function() pcall(function() return t < t end) pcall(function() return t + 1 end) return t .. "" end }
