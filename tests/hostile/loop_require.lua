-- Requires what is not there, for ever.
-- expect: overrun

return { tick = function() while true do pcall(require, "nothing") end end }
