-- Errors in a loop, each caught.
-- expect: overrun

return { tick = function() while true do pcall(error) end end }
