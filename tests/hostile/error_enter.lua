-- Fails in enter: whoever comes is told so.
-- expect: error; turned away

return { enter = function() error "enter" end }
