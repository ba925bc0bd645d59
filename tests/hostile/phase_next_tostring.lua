-- `next` answers with a table whose text is never ready; the engine must tell of it.
-- expect: overrun

local never = setmetatable({}, { __tostring = function() while true do end end })
return { first_phase = "a", phases = { a = { seconds = 0.1, next = function() return never end } } }
