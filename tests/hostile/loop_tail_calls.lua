-- Tail calls leave no frame and no stack overflow.
-- expect: overrun

local function f() return f() end
return { tick = function() f() end }
