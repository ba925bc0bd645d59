-- A pcall inside a pcall inside a pcall, each of which goes on when it is stopped.
-- expect: overrun

local function deep(n) if n > 0 then pcall(deep, n - 1) end while true do end end
return { tick = function() deep(20) end }
