-- Fails at every tick.
-- expect: error

return { tick = function() local nothing return nothing.field end }
