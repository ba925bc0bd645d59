-- Coroutines in coroutines: each takes C stack.
-- expect: error

local function f() return coroutine.wrap(f)() end
return { tick = function() f() end }
