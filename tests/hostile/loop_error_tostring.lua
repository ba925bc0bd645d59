-- The engine asks the error for its text while hooks are off.
-- expect: overrun

return { tick = function() error(setmetatable({}, { __tostring = function() while true do end end })) end }
