-- Recursion without an end.
-- expect: error or overrun

local function f() return 1 + f() end
return { tick = function() f() end }
