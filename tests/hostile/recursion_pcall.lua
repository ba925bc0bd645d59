-- Recursion through pcall.
-- expect: error or overrun

local function f() local _, why = pcall(f) error(why, 0) end
return { tick = function() f() end }
